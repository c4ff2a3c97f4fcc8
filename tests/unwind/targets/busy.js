// SPDX-License-Identifier: BSD-2-Clause
// JavaScript that is compiled on the way, calls back from built-ins and allocates. Usage: busy.js SECONDS
'use strict';

function leaf(n) {
	const words = Array.from({ length: n % 40 }, (_, i) => (i * 7919 + n).toString(16));
	const text = JSON.stringify({ words, n });
	return (text.match(/[0-9a-f]+/g) || []).length + JSON.parse(text).words.length;
}

function descend(depth, n) {
	if (depth === 0)
		return leaf(n);
	switch ((n * 7 + depth) % 4) {
	case 0: {
		let sum = 0;
		[3, 1, 2].sort((a, b) => {
			sum = sum || descend(depth - 1, n + 1);
			return a - b;
		});
		return sum;
	}
	case 1:
		return [1].map((x) => descend(depth - 1, n + x))[0];
	case 2:
		return 'a'.replace(/a/, () => String(descend(depth - 1, n))).length;
	default:
		return [1, 2].reduce((a, b) => a + descend(depth - 1, n + b), 0);
	}
}

const end = Date.now() + 1000 * Number(process.argv[2]);
for (let n = 0; Date.now() < end; n++)
	descend(n % 10, n);
