/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The version of the running library.
 * Called through onecollect/version.h.
 * Must not know anything else.
 */
#include <onecollect/version.h>

const char *oc_version(void)
{
	return OC_VERSION;
}
