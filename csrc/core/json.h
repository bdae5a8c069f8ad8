/* A reader over JSON text (RFC 8259) that is pulled from value to value: no tree, no memory, no recursion. Shared by
 * json_span.c, which has the code, and eip712_json.c; no part of the public interface.
 *
 * What returns int gives 0 (rise_json_next: -1) where the text is malformed; `at` is then where that showed. */
#ifndef RISE_CORE_JSON_H
#define RISE_CORE_JSON_H

#include "core.h"

typedef struct rise_json {
    const char *text;
    size_t len;
    size_t at;
} rise_json;

/* Puts the reader before the first value of the text. */
void rise_json_start(rise_json *json, const char *text, size_t len);
void rise_json_skip_space(rise_json *json);
/* Over any value, which may nest as deep as is left at `depth` levels below the outermost one. */
int rise_json_skip(rise_json *json, unsigned depth);

/* 1 and behind the bracket when an object ('{') or array ('[') begins here, else 0 and nothing is read. */
int rise_json_enter(rise_json *json, char open);
/* Inside an object or array: 1 and before the next element or member name, 0 and behind `close`, -1. `first` tells that
 * nothing has been read since rise_json_enter. */
int rise_json_next(rise_json *json, char close, int first);
/* At a member's name; ends at its value. The name is what lies between the quotes, escapes unresolved. */
int rise_json_name(rise_json *json, const char **name, size_t *len);

#endif
