/* Errors in words: what was tried, on what, and how to mend it. */
#ifndef RACKMEM_ERROR_H
#define RACKMEM_ERROR_H

#include "rackmem.h"

/* Both return the code. `error` may be NULL. */
int error_set(struct rackmem_error *error, enum rackmem_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends what errno says; EPERM and EACCES become RACKMEM_NOT_PERMITTED. */
int error_system(struct rackmem_error *error, int system_errno, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
