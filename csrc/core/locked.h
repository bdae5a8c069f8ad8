/* libsodium, as the files of the keystore share it; no part of the public interface. */
#ifndef RISE_CORE_LOCKED_H
#define RISE_CORE_LOCKED_H

#include <sodium.h>

#include "core.h"

/* Locked memory between guard pages, zeros at first; NULL when there is none. sodium_free wipes it. */
void *rise_locked_alloc(size_t size);

/* The 32 bytes of a vault, for the keystore alone. */
void rise_vault_secret(const rise_vault *vault, uint8_t secret[32]);
rise_status rise_vault_from_secret(rise_vault **out, const uint8_t secret[32]);

#endif
