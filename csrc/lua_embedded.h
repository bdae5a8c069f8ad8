/* What cmake/EmbedLua.cmake makes of the Lua files, and lua_embedded.c registers. */
#ifndef RISE_LUA_EMBEDDED_H
#define RISE_LUA_EMBEDDED_H

#include <stddef.h>

typedef struct rise_embedded {
    const char *module; /* as `require` takes it */
    const char *chunk;  /* as error messages show it: "@rise/session.lua" */
    const unsigned char *bytes; /* Lua text, or a chunk compiled for the Lua that loads it */
    size_t len;
} rise_embedded;

/* All of lua/. Lists end with NULL. */
extern const rise_embedded *const rise_embedded_modules[];

struct lua_State;

/* Leaves package.preload on the stack. */
void rise_lua_push_preload(struct lua_State *L);

/* Whether nothing has this name in the table at the top of the stack. */
int rise_lua_is_free(struct lua_State *L, const char *name);

/* Registers the modules of a list in package.preload, but for names that are taken. */
void rise_lua_preload_list(struct lua_State *L, const rise_embedded *const *list);

#endif
