/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Student's t distribution, which tends to the normal one with many degrees of freedom.
 * Used where a mean is compared whose variance was estimated; knows nothing of what is measured.
 */
#ifndef BASE_STUDENT_H
#define BASE_STUDENT_H

/* The probability that |t| is larger than that of a value; df: degrees of freedom, above 0. */
double student_two_sided(double t, double df);

/* The t that is exceeded, to either side, with probability p (0 < p < 1). */
double student_quantile(double p, double df);

#endif
