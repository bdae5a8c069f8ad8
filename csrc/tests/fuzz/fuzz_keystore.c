/* Keystores: any text. What is read keeps to the bounds; what opens, with the passphrase of the seeds, is a key that goes
 * into another keystore and out of it the same. */
#include "fuzz.h"

static void derive(rise_keystore *keystore) {
    HOLDS(rise_keystore_derive(keystore, "foo", 3, NULL) == RISE_OK);
    HOLDS(rise_keystore_ready(keystore));
}

static void there_and_back(const rise_key *key) {
    uint8_t before[64], after[64];
    rise_buf text = RISE_BUF_INIT;
    rise_keystore *keystore;
    rise_key *again;

    HOLDS(rise_keystore_new(&keystore, 2, 1, 1, NULL, NULL) == RISE_OK);
    derive(keystore);
    HOLDS(rise_keystore_seal(keystore, &text, key, NULL, NULL) == RISE_OK);
    rise_keystore_free(keystore);
    HOLDS(rise_keystore_read(&keystore, (const char *)text.data, text.len, NULL) == RISE_OK);
    derive(keystore);
    HOLDS(rise_keystore_unlock(keystore, &again, NULL) == RISE_OK);
    HOLDS(same_bytes(before, rise_key_public(key, before), after, rise_key_public(again, after)));
    rise_key_free(again);
    rise_keystore_free(keystore);
    rise_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    const rise_keystore_info *info;
    rise_keystore *keystore;
    rise_vault *vault;
    rise_key *key;
    rise_error error;
    rise_status status = rise_keystore_read(&keystore, (const char *)data, len, &error);

    if (status != RISE_OK) {
        HOLDS(keystore == NULL);
        HOLDS(status == RISE_EDATA || status == RISE_EUNSUPPORTED || status == RISE_ELIMIT);
        holds_error(status, &error);
        return 0;
    }
    info = rise_keystore_get_info(keystore);
    HOLDS(info->rounds <= RISE_KEYSTORE_MAX_ROUNDS && (info->rounds == 0) == (info->n != 0));
    HOLDS((uint64_t)info->n * info->r * info->p <= RISE_KEYSTORE_MAX_WORK);
    HOLDS((uint64_t)info->n * info->r * 128 <= RISE_KEYSTORE_MAX_MEMORY);
    if (info->rounds <= 64 && (uint64_t)info->n * info->r * info->p <= 64) {
        derive(keystore);
        status = rise_keystore_unlock(keystore, &key, &error);
        HOLDS((status == RISE_OK) == (key != NULL));
        if (status == RISE_OK) {
            there_and_back(key);
        } else {
            holds_error(status, &error);
            HOLDS(status == (info->kind == RISE_KEYSTORE_VAULT ? RISE_EUSAGE : status));
            HOLDS(status == RISE_EUSAGE || status == RISE_EPASSPHRASE || status == RISE_EDATA);
        }
        rise_key_free(key);
        status = rise_keystore_unlock_vault(keystore, &vault, NULL);
        HOLDS(status == RISE_OK || status == RISE_EUSAGE || status == RISE_EPASSPHRASE);
        rise_vault_free(vault);
    }
    rise_keystore_free(keystore);
    return 0;
}
