/* At build time: compiles a Lua file for the Lua that it is linked with.
 *   lua_compile INPUT CHUNK OUTPUT    CHUNK: the file's name as error messages show it
 * Line numbers and names stay in: errors say where they happened. */
#include <stdio.h>
#include <stdlib.h>

#include "lua_rise.h"

static int write_part(lua_State *L, const void *bytes, size_t len, void *file) {
    (void)L;
    return fwrite(bytes, 1, len, (FILE *)file) == len ? 0 : 1;
}

/* The whole of a file, to be freed; NULL when it cannot be read. */
static char *read_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    long size;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) >= 0 && fseek(file, 0, SEEK_SET) == 0 &&
        (text = malloc((size_t)size + 1)) != NULL && fread(text, 1, (size_t)size, file) != (size_t)size) {
        free(text);
        text = NULL;
    }
    *len = text != NULL ? (size_t)size : 0;
    (void)fclose(file);
    return text;
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    int code = EXIT_FAILURE;
    size_t len = 0;
    char *text;
    FILE *output;

    if (argc != 4 || L == NULL) {
        return EXIT_FAILURE;
    }
    text = read_file(argv[1], &len);
    if (text == NULL) {
        (void)fprintf(stderr, "%s cannot be read\n", argv[1]);
    } else if (luaL_loadbuffer(L, text, len, lua_pushfstring(L, "@%s", argv[2])) != 0) {
        (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
    } else if ((output = fopen(argv[3], "wb")) != NULL) {
        code = rl_dump(L, write_part, output) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
        if (fclose(output) != 0) {
            code = EXIT_FAILURE;
        }
    }
    free(text);
    lua_close(L);
    return code;
}
