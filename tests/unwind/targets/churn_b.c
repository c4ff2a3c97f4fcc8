/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other library: its functions lie where those of churn_a.c do, with frames of another size. With the table of the
 * one, the other's frames are not found.
 */
#include "churn_chain.h"

CHURN_CHAIN(b, 29)
