/* SPDX-License-Identifier: BSD-2-Clause */
/* A library that tests/unwind/targets/churn.c loads and unloads. */
#include "churn_chain.h"

CHURN_CHAIN(a, 17)
