/* The heap under watch: programs linked with --wrap for malloc, calloc, realloc and free come through here, in their
 * own code and in librise's. Shared libraries keep to the real functions. */
#ifndef RISE_TESTS_HEAP_H
#define RISE_TESTS_HEAP_H

#include <stdlib.h>

static struct {
    size_t calls;     /* of malloc, calloc and realloc */
    size_t live;      /* blocks that are not freed yet */
    size_t countdown; /* 1: the next of these calls fails; 0: none does */
    int failed;
    void (*freeing)(const void *block); /* told before a block goes */
} heap;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static int heap_fails(void) {
    heap.calls++;
    if (heap.countdown == 0 || --heap.countdown != 0) {
        return 0;
    }
    heap.failed = 1;
    return 1;
}

void *__wrap_malloc(size_t size) {
    void *block = heap_fails() ? NULL : __real_malloc(size);

    heap.live += block != NULL;
    return block;
}

void *__wrap_calloc(size_t count, size_t size) {
    void *block = heap_fails() ? NULL : __real_calloc(count, size);

    heap.live += block != NULL;
    return block;
}

void *__wrap_realloc(void *block, size_t size) {
    void *moved = heap_fails() ? NULL : __real_realloc(block, size);

    heap.live += block == NULL && moved != NULL;
    return moved;
}

void __wrap_free(void *block) {
    if (block != NULL && heap.freeing != NULL) {
        heap.freeing(block);
    }
    heap.live -= block != NULL;
    __real_free(block);
}

#endif
