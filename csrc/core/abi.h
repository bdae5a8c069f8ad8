/* Shared by abi_text.c, abi.c, eip712.c and eip712_json.c; no part of the public interface. */
#ifndef RISE_CORE_ABI_H
#define RISE_CORE_ABI_H

#include "core.h"

/* ---- messages: text that is cut to what fits and always ends in NUL ---- */

typedef struct rise_abi_note {
    char *text;
    size_t size;
    size_t len;
} rise_abi_note;

void rise_abi_note_start(rise_abi_note *note, char *text, size_t size);
void rise_abi_note_text(rise_abi_note *note, const char *text, size_t len);
void rise_abi_note_number(rise_abi_note *note, uint64_t number);

/* ---- types being read from text (abi_text.c) ---- */

/* A struct definition: where its name and its members stand. */
typedef struct rise_abi_struct {
    const char *name; /* ends in NUL once the tree is finished */
    size_t name_len;
    size_t body;      /* position of the first member in the text */
    int open;         /* being expanded right now; to meet it again is a recursion */
    int used;
} rise_abi_struct;

/* The text is copied once. Names are not: a node's name points into the copy, and what follows it there (never part
 * of another name) is overwritten with a NUL when everything has been read. Until then a node keeps the length of
 * its name in `head`, and a tuple the number of the struct it came from in `span`. */
typedef struct rise_abi_tree {
    char *text;               /* two texts, each followed by a NUL */
    size_t second;            /* where the second one begins */
    rise_abi_type *node;
    size_t count;
    size_t size;
    rise_abi_struct *structs; /* sorted by name */
    size_t struct_count;
} rise_abi_tree;

/* 1 when EIP-712 has a type of this name that is no struct. */
int rise_abi_is_typed_word(const char *word, size_t len);
/* Reads the encodeType text of EIP-712: node 0 is the tuple of the first struct. */
rise_status rise_abi_tree_typed(rise_abi_tree *tree, const char *text, size_t len, rise_error *error);
/* Ends the names and computes span, head, size and dynamic of every node. */
rise_status rise_abi_tree_finish(rise_abi_tree *tree, rise_error *error);
void rise_abi_tree_free(rise_abi_tree *tree);

/* ---- types and values (abi.c) ---- */

/* Appends what follows the name of an array's element: "[]", "[2]". */
rise_status rise_abi_brackets(rise_buf *out, const rise_abi_type *type);

/* Checks that the values fit the type and are neither more nor less; *size is the length of their encoding. */
rise_status rise_abi_measure(size_t *size, const rise_abi_type *type, const rise_abi_value *values, size_t count,
                             rise_error *error);

#endif
