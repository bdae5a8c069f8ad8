/*** SQLite for Lua, as little as the store needs: statements with parameters, and whose process still lives.
 *
 * Values reach SQL through parameters alone. Errors are `{ code = "store", message, reason }`, where `reason` is
 * "busy", "constraint" or "other".
 * @module rise.sqlite
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lua_rise.h"
#include "rise_lua.h"

#define RL_DATABASE "rise.database"
#define RL_STATEMENT "rise.statement"
#define RL_LOCKFILE "rise.lockfile"

#define MAX_BUSY_MS 600000

/* ---- errors -------------------------------------------------------------------------------------------- */

static int fail(lua_State *L, const char *message, const char *reason) {
    lua_pushnil(L);
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "store");
    lua_setfield(L, -2, "code");
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, reason);
    lua_setfield(L, -2, "reason");
    rl_pusherrormeta(L);
    lua_setmetatable(L, -2);
    return 2;
}

static int fail_sqlite(lua_State *L, sqlite3 *db, int status) {
    const char *reason = "other";

    switch (status & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        reason = "busy";
        break;
    case SQLITE_CONSTRAINT:
        reason = "constraint";
        break;
    default:
        break;
    }
    return fail(L, db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(status), reason);
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* Text as C takes it: up to its first NUL, so there may be none. */
static const char *check_text(lua_State *L, int arg, const char *what) {
    size_t len;
    const char *text = (const char *)rl_checkstring(L, arg, &len);

    luaL_argcheck(L, strlen(text) == len, arg, what);
    return text;
}

/* Opens or makes a file that only its owner may read, whatever the umask; -1 with errno. */
static int open_private(const char *path, int flags) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, S_IRUSR | S_IWUSR);

    if (fd >= 0 && fchmod(fd, S_IRUSR | S_IWUSR) != 0) {
        int number = errno;
        (void)close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

/* Makes a database file that only its owner may read, or makes the one that is there so; 0, or -1 with errno. A file
 * that is there is not opened: closing it again would take the locks of every connection that this process has to it
 * (SQLite, "How To Corrupt An SQLite Database File", 2.2). */
static int make_private(const char *path) {
    int fd = open_private(path, O_EXCL);

    if (fd >= 0) {
        return close(fd);
    }
    return errno == EEXIST ? chmod(path, S_IRUSR | S_IWUSR) : -1;
}

/* ---- databases ----------------------------------------------------------------------------------------- */

/*** Opens a database, making it (mode 0600) where there is none.
 * @function open
 * @tparam string path
 * @tparam[opt=10] number seconds to wait while another process writes
 * @treturn[1] userdata database
 * @treturn[2] nil
 * @treturn[2] table error: `store`
 */
static int l_open(lua_State *L) {
    const char *path = check_text(L, 1, "the path contains a NUL");
    lua_Number seconds = luaL_optnumber(L, 2, 10);
    sqlite3 **box;
    int status;

    luaL_argcheck(L, seconds >= 0 && seconds * 1000 <= MAX_BUSY_MS, 2, "seconds from 0 to 600 expected");
    box = (sqlite3 **)rl_newbox(L, RL_DATABASE);
    if (make_private(path) != 0) { /* SQLite would take the umask's word; its log files take the mode of this one */
        return fail(L, strerror(errno), "other");
    }
    status = sqlite3_open_v2(path, box, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (status != SQLITE_OK) {
        return fail_sqlite(L, *box, status);
    }
    (void)sqlite3_extended_result_codes(*box, 1);
    (void)sqlite3_busy_timeout(*box, (int)(seconds * 1000));
    return 1;
}

/*** Runs SQL text that takes no values, several statements if need be.
 * @function exec
 * @tparam string sql
 * @treturn[1] boolean true
 * @treturn[2] nil
 * @treturn[2] table error: `store`
 */
static int l_database_exec(lua_State *L) {
    sqlite3 *db = rl_checkbox(L, 1, RL_DATABASE);
    const char *sql = check_text(L, 2, "the SQL contains a NUL");
    int status = sqlite3_exec(db, sql, NULL, NULL, NULL);

    if (status != SQLITE_OK) {
        return fail_sqlite(L, db, status);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/*** Compiles one statement.
 * @function prepare
 * @tparam string sql with `?` where values go
 * @treturn[1] userdata statement
 * @treturn[2] nil
 * @treturn[2] table error: `store`
 */
static int l_database_prepare(lua_State *L) {
    sqlite3 *db = rl_checkbox(L, 1, RL_DATABASE);
    size_t len;
    const char *sql = (const char *)rl_checkstring(L, 2, &len), *tail = NULL;
    sqlite3_stmt **box;
    int status;

    luaL_argcheck(L, len < 1000000, 2, "the statement is too long");
    box = (sqlite3_stmt **)rl_newbox(L, RL_STATEMENT);
    lua_createtable(L, 1, 0); /* keeps the database, whose closing the statement must notice */
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    rl_setuservalue(L, -2);
    status = sqlite3_prepare_v3(db, sql, (int)len, SQLITE_PREPARE_PERSISTENT, box, &tail);
    if (status != SQLITE_OK) {
        return fail_sqlite(L, db, status);
    }
    luaL_argcheck(L, *box != NULL && *tail == '\0', 2, "one statement expected");
    return 1;
}

/*** How many rows the last statement changed.
 * @function changes
 * @treturn number
 */
static int l_database_changes(lua_State *L) {
    lua_pushinteger(L, sqlite3_changes(rl_checkbox(L, 1, RL_DATABASE)));
    return 1;
}

/*** The number of the row inserted last.
 * @function last_id
 * @treturn number
 */
static int l_database_last_id(lua_State *L) {
    lua_pushnumber(L, (lua_Number)sqlite3_last_insert_rowid(rl_checkbox(L, 1, RL_DATABASE)));
    return 1;
}

/*** Closes the database; the collector does it as well. May be called again.
 * @function close
 */
static int l_database_close(lua_State *L) {
    sqlite3 **box = (sqlite3 **)rl_testbox(L, 1, RL_DATABASE);
    sqlite3 *db = *box;

    *box = NULL;
    (void)sqlite3_close_v2(db); /* lives on inside until its last statement is gone */
    return 0;
}

/* ---- statements ---------------------------------------------------------------------------------------- */

/* A statement whose database is open. */
static sqlite3_stmt *check_statement(lua_State *L, sqlite3 **db) {
    sqlite3_stmt *statement = rl_checkbox(L, 1, RL_STATEMENT);

    rl_getuservalue(L, 1);
    lua_rawgeti(L, -1, 1);
    *db = rl_checkbox(L, -1, RL_DATABASE);
    lua_pop(L, 2);
    return statement;
}

/* Binds the Lua value at `arg`; its text stays on the stack while the statement may read it, or is copied. */
static int bind_value(lua_State *L, sqlite3_stmt *statement, int index, int arg) {
    size_t len;
    const char *text;
    lua_Number number;

    switch (lua_type(L, arg)) {
    case LUA_TNIL:
        return sqlite3_bind_null(statement, index);
    case LUA_TBOOLEAN:
        return sqlite3_bind_int(statement, index, lua_toboolean(L, arg));
    case LUA_TNUMBER:
        number = lua_tonumber(L, arg);
        if (number >= -9007199254740992.0 && number <= 9007199254740992.0
            && number == (lua_Number)(sqlite3_int64)number) {
            return sqlite3_bind_int64(statement, index, (sqlite3_int64)number);
        }
        return sqlite3_bind_double(statement, index, number);
    case LUA_TSTRING:
        text = lua_tolstring(L, arg, &len);
        return sqlite3_bind_text64(statement, index, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
    default:
        return luaL_argerror(L, arg, "nil, boolean, number or string expected");
    }
}

static void push_column(lua_State *L, sqlite3_stmt *statement, int column) {
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        rl_pushinteger(L, sqlite3_column_int64(statement, column));
        break;
    case SQLITE_FLOAT:
        lua_pushnumber(L, sqlite3_column_double(statement, column));
        break;
    case SQLITE_NULL:
        lua_pushnil(L);
        break;
    default: /* text, and blobs as they are */
        lua_pushlstring(L, (const char *)sqlite3_column_blob(statement, column),
                        (size_t)sqlite3_column_bytes(statement, column));
        break;
    }
}

/*** Starts a statement anew with these values.
 * @function bind
 * @param ... nil, boolean, number or string for each `?`
 * @treturn[1] userdata the statement
 * @treturn[2] nil
 * @treturn[2] table error: `store`
 */
static int l_statement_bind(lua_State *L) {
    sqlite3 *db;
    sqlite3_stmt *statement = check_statement(L, &db);
    int i, status, count = lua_gettop(L) - 1;

    if (count != sqlite3_bind_parameter_count(statement)) {
        return luaL_error(L, "bind: %d values expected, got %d", sqlite3_bind_parameter_count(statement), count);
    }
    (void)sqlite3_reset(statement);
    for (i = 1; i <= count; i++) {
        status = bind_value(L, statement, i, i + 1);
        if (status != SQLITE_OK) {
            return fail_sqlite(L, db, status);
        }
    }
    lua_settop(L, 1);
    return 1;
}

/*** The next row. At the end, and after an error, the statement is ready to be bound again and holds no lock.
 * @function step
 * @treturn[1] table the row by the names of its columns
 * @treturn[2] boolean false at the end
 * @treturn[3] nil
 * @treturn[3] table error: `store`
 */
static int l_statement_step(lua_State *L) {
    sqlite3 *db;
    sqlite3_stmt *statement = check_statement(L, &db);
    int i, columns, results, status = sqlite3_step(statement);

    if (status == SQLITE_ROW) {
        columns = sqlite3_column_count(statement);
        lua_createtable(L, 0, columns);
        for (i = 0; i < columns; i++) {
            push_column(L, statement, i);
            lua_setfield(L, -2, sqlite3_column_name(statement, i));
        }
        return 1;
    }
    if (status == SQLITE_DONE) {
        lua_pushboolean(L, 0);
        results = 1;
    } else {
        results = fail_sqlite(L, db, status);
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement); /* signed payloads do not stay in memory */
    return results;
}

/*** Leaves the rows that are left.
 * @function reset
 */
static int l_statement_reset(lua_State *L) {
    sqlite3 *db;
    sqlite3_stmt *statement = check_statement(L, &db);

    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return 0;
}

/*** Frees the statement; the collector does it as well. May be called again.
 * @function close
 */
static int l_statement_close(lua_State *L) {
    sqlite3_stmt **box = (sqlite3_stmt **)rl_testbox(L, 1, RL_STATEMENT);
    sqlite3_stmt *statement = *box;

    *box = NULL;
    (void)sqlite3_finalize(statement);
    return 0;
}

/* ---- who is alive -------------------------------------------------------------------------------------- */

/* Every holder locks the one byte that has its number; the system lets go of it when the holder ends, however it
 * ends. Locks of the open file description hold against another opening in the same process as well. */
#ifdef F_OFD_SETLK
#define SETLK F_OFD_SETLK
#else
#define SETLK F_SETLK
#endif

typedef struct {
    int fd; /* -1 when closed */
} lockfile;

static lockfile *check_lockfile(lua_State *L) {
    lockfile *file = luaL_checkudata(L, 1, RL_LOCKFILE);

    luaL_argcheck(L, file->fd >= 0, 1, "the lock file is closed");
    return file;
}

/* Locks (F_WRLCK) or unlocks (F_UNLCK) one byte: 1 done, 0 somebody has it, -1 with errno. */
static int set_lock(int fd, int64_t number, short type) {
    struct flock lock;
    int result;

    memset(&lock, 0, sizeof lock);
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = (off_t)number;
    lock.l_len = 1;
    do {
        result = fcntl(fd, SETLK, &lock);
    } while (result != 0 && errno == EINTR);
    if (result == 0) {
        return 1;
    }
    return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

/*** Opens or makes (mode 0600) a file whose bytes are locks.
 * @function lockfile
 * @tparam string path
 * @treturn[1] userdata lockfile
 * @treturn[2] nil
 * @treturn[2] table error: `store`
 */
static int l_lockfile(lua_State *L) {
    const char *path = check_text(L, 1, "the path contains a NUL");
    lockfile *file = lua_newuserdata(L, sizeof *file);

    file->fd = -1;
    luaL_getmetatable(L, RL_LOCKFILE);
    lua_setmetatable(L, -2);
    file->fd = open_private(path, 0);
    if (file->fd < 0) {
        return fail(L, strerror(errno), "other");
    }
    return 1;
}

/*** Takes the lock with this number, until it is released, the file is closed, or this process ends.
 * @function lock
 * @tparam number number
 * @tparam[opt=0] number seconds to wait while somebody else has it
 * @treturn[1] boolean whether it could be had
 * @treturn[2] nil
 * @treturn[2] table error: `store`
 */
static int l_lockfile_lock(lua_State *L) {
    static const struct timespec pause = { 0, 2000000 };
    lockfile *file = check_lockfile(L);
    int64_t number = rl_checkinteger(L, 2, 0, 9007199254740991);
    lua_Number seconds = luaL_optnumber(L, 3, 0);
    int64_t start = rise_clock_steady();
    int result;

    luaL_argcheck(L, seconds >= 0 && seconds * 1000 <= MAX_BUSY_MS, 3, "seconds from 0 to 600 expected");
    while ((result = set_lock(file->fd, number, F_WRLCK)) == 0 &&
           (lua_Number)(rise_clock_steady() - start) < seconds * 1000) {
        (void)nanosleep(&pause, NULL);
    }
    if (result < 0) {
        return fail(L, strerror(errno), "other");
    }
    lua_pushboolean(L, result);
    return 1;
}

/*** Lets go of a lock.
 * @function unlock
 * @tparam number number
 */
static int l_lockfile_unlock(lua_State *L) {
    (void)set_lock(check_lockfile(L)->fd, rl_checkinteger(L, 2, 0, 9007199254740991), F_UNLCK);
    return 0;
}

/*** Closes the file and with it lets go of all its locks; the collector does it as well. May be called again.
 * @function close
 */
static int l_lockfile_close(lua_State *L) {
    lockfile *file = luaL_checkudata(L, 1, RL_LOCKFILE);

    if (file->fd >= 0) {
        (void)close(file->fd);
        file->fd = -1;
    }
    return 0;
}

int luaopen_rise_sqlite(lua_State *L) {
    static const luaL_Reg functions[] = { { "open", l_open }, { "lockfile", l_lockfile }, { NULL, NULL } };
    static const luaL_Reg database_methods[] = {
        { "exec", l_database_exec },       { "prepare", l_database_prepare }, { "changes", l_database_changes },
        { "last_id", l_database_last_id }, { "close", l_database_close },     { NULL, NULL },
    };
    static const luaL_Reg database_meta[] = {
        { "__gc", l_database_close }, { "__close", l_database_close }, { NULL, NULL },
    };
    static const luaL_Reg statement_methods[] = {
        { "bind", l_statement_bind },   { "step", l_statement_step }, { "reset", l_statement_reset },
        { "close", l_statement_close }, { NULL, NULL },
    };
    static const luaL_Reg statement_meta[] = {
        { "__gc", l_statement_close }, { "__close", l_statement_close }, { NULL, NULL },
    };
    static const luaL_Reg lockfile_methods[] = {
        { "lock", l_lockfile_lock }, { "unlock", l_lockfile_unlock }, { "close", l_lockfile_close }, { NULL, NULL },
    };
    static const luaL_Reg lockfile_meta[] = {
        { "__gc", l_lockfile_close }, { "__close", l_lockfile_close }, { NULL, NULL },
    };

    rl_newclass(L, RL_DATABASE, database_methods, database_meta);
    rl_newclass(L, RL_STATEMENT, statement_methods, statement_meta);
    rl_newclass(L, RL_LOCKFILE, lockfile_methods, lockfile_meta);
    lua_createtable(L, 0, 2);
    rl_setfuncs(L, functions);
    return 1;
}
