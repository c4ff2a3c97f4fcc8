/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * <math.h> for Windows, with the function of glibc's that it lacks.
 * Found by the Windows build alone, through its include path.
 */
#ifndef BASE_WIN32_MATH_H
#define BASE_WIN32_MATH_H

#include_next <math.h>

/* There lgamma() keeps no sign in a global variable, and nobody asks for the sign. */
#define lgamma_r(x, ret_sign) ((void)(ret_sign), lgamma(x))

#endif
