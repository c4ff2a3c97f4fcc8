/* SPDX-License-Identifier: BSD-2-Clause */
/* The version of libonecollect; the Makefile reads it from here. */
#ifndef ONECOLLECT_VERSION_H
#define ONECOLLECT_VERSION_H

#include <onecollect/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OC_VERSION "0.1.0"

/* The version of the library that is running, which may be newer than OC_VERSION at compile time. */
OC_API const char *oc_version(void);

#ifdef __cplusplus
}
#endif

#endif
