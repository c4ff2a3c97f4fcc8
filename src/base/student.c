/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Student's t distribution through the regularised incomplete beta function.
 * Called by the comparison of recordings.
 * Must not know what is compared.
 */
#include "base/student.h"

#include <math.h>

#include "base/macros.h"

#define TERMS_MAX 500
#define PRECISION 1e-14
#define TINY      1e-300

/* Keeps a denominator away from 0, as the method of Lentz asks. */
static double not_zero(double x)
{
	return fabs(x) < TINY ? TINY : x;
}

/* The continued fraction of I_x(a, b), Abramowitz and Stegun 26.5.8, by the method of Lentz; for x < (a+1)/(a+b+2). */
static double beta_fraction(double a, double b, double x)
{
	double c = 1, d = 1 / not_zero(1 - (a + b) * x / (a + 1)), h = d;

	for (int m = 1; m <= TERMS_MAX; m++) {
		double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
		double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
		double step;

		d = 1 / not_zero(1 + even * d);
		c = not_zero(1 + even / c);
		h *= d * c;
		d = 1 / not_zero(1 + odd * d);
		c = not_zero(1 + odd / c);
		step = d * c;
		h *= step;
		if (fabs(step - 1) < PRECISION)
			break;
	}
	return h;
}

/* I_x(a, b). */
static double beta(double a, double b, double x)
{
	int sign; /* lgamma() would write to a global variable */
	double front;

	if (x <= 0 || x >= 1)
		return x <= 0 ? 0 : 1;
	front = exp(lgamma_r(a + b, &sign) - lgamma_r(a, &sign) - lgamma_r(b, &sign) + a * log(x) +
		    b * log1p(-x));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double student_two_sided(double t, double df)
{
	/* Beyond this the two distributions agree to eight digits, and the fraction converges slowly. */
	if (df > 1e6)
		return erfc(fabs(t) / sqrt(2));
	return beta(df / 2, 0.5, df / (df + t * t));
}

double student_quantile(double p, double df)
{
	double low = 0, high = 2;

	while (student_two_sided(high, df) > p && high < 1e9)
		high *= 2;
	for (int i = 0; i < 80; i++) {
		double middle = (low + high) / 2;

		if (student_two_sided(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return high;
}
