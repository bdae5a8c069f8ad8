/* Names and texts of the statuses, out of the one list in rise.h; and filling a rise_error. */
#include <string.h>

#include "core.h"

static const struct {
    const char *name;
    const char *text;
} statuses[] = {
#define STATUS_TEXTS(id, word, sentence) { word, sentence },
    RISE_STATUS_LIST(STATUS_TEXTS)
#undef STATUS_TEXTS
};

const char *rise_status_name(rise_status status) {
    return (unsigned)status < RISE_STATUS_COUNT ? statuses[status].name : "unknown";
}

const char *rise_status_text(rise_status status) {
    return (unsigned)status < RISE_STATUS_COUNT ? statuses[status].text : "an unknown status";
}

rise_status rise_fail(rise_error *error, rise_status code, const char *what, const char *which, const char *why) {
    const char *part[3];
    size_t used = 0;
    int i;

    if (error == NULL) {
        return code;
    }
    part[0] = what;
    part[1] = which;
    part[2] = why;
    for (i = 0; i < 3; i++) {
        size_t len = strlen(part[i]);
        if (len > sizeof error->message - 1 - used) {
            len = sizeof error->message - 1 - used;
        }
        memcpy(error->message + used, part[i], len);
        used += len;
    }
    error->message[used] = '\0';
    error->code = code;
    return code;
}
