#define _GNU_SOURCE
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct rackmem_error *error, enum rackmem_code code, const char *format, ...)
{
    va_list arguments;
    if (error == NULL)
        return (int)code;
    error->code = (int32_t)code;
    error->system_errno = 0;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    return (int)code;
}

int error_system(struct rackmem_error *error, int system_errno, const char *format, ...)
{
    va_list arguments;
    char reason[96];
    enum rackmem_code code =
        system_errno == EPERM || system_errno == EACCES ? RACKMEM_NOT_PERMITTED : RACKMEM_SYSTEM;
    if (error == NULL)
        return (int)code;
    error->code = (int32_t)code;
    error->system_errno = system_errno;
    va_start(arguments, format);
    int written = vsnprintf(error->text, sizeof(error->text), format, arguments);
    va_end(arguments);
    size_t used = written < 0 ? 0 : (size_t)written;
    if (used < sizeof(error->text))
        snprintf(error->text + used, sizeof(error->text) - used, ": %s",
                 strerror_r(system_errno, reason, sizeof(reason)));
    return (int)code;
}
