/* SPDX-License-Identifier: BSD-2-Clause */
/* Student's t distribution, beside tables and closed forms. */
#include <criterion/criterion.h>

#include <math.h>

#include "base/student.h"

static void expect_near(double value, double expected, double relative)
{
	cr_assert(fabs(value - expected) <= relative * fabs(expected), "%.12g is not %.12g", value,
		  expected);
}

Test(student, closed_forms)
{
	for (double t = 0.1; t < 1000; t *= 3) {
		/* One degree: Cauchy's distribution. Two: an algebraic function. */
		expect_near(student_two_sided(t, 1), 1 - 2 * atan(t) / M_PI, 1e-9);
		expect_near(student_two_sided(-t, 2), 1 - t / sqrt(2 + t * t), 1e-8);
	}
	cr_assert_eq(student_two_sided(0, 5), 1);
}

Test(student, tends_to_the_normal_distribution)
{
	expect_near(student_two_sided(3, 1e7), erfc(3 / sqrt(2)), 1e-12);
	expect_near(student_two_sided(3, 9e5), erfc(3 / sqrt(2)), 1e-4);
}

/* Two-sided 5 % and 1 % points as every table has them. */
Test(student, quantiles)
{
	expect_near(student_quantile(0.05, 1), 12.7062, 1e-5);
	expect_near(student_quantile(0.05, 15), 2.13145, 1e-5);
	expect_near(student_quantile(0.05, 63), 1.99834, 1e-5);
	expect_near(student_quantile(0.01, 10), 3.16927, 1e-5);
	expect_near(student_quantile(0.05, 1e7), 1.95996, 1e-5);
}

Test(student, small_probabilities_stay_positive)
{
	double p = student_two_sided(60, 126);

	cr_assert(p > 0 && p < 1e-80, "%g", p);
}
