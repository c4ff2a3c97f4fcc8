/* SPDX-License-Identifier: BSD-2-Clause */
/* Java that is compiled on the way, calls back from the library and allocates. Usage: Busy SECONDS */
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class Busy {
	private static int leaf(int n) {
		Map<String, Integer> words = new HashMap<>();
		for (int i = 0; i < n % 40; i++)
			words.merge(Integer.toHexString(i * 7919 + n).substring(0, 1), i, Integer::sum);
		return words.toString().split(",").length;
	}

	private static int descend(int depth, int n) {
		if (depth == 0)
			return leaf(n);
		switch ((n * 7 + depth) % 3) {
		case 0: {
			List<Integer> list = new ArrayList<>(List.of(3, 1, 2));
			int[] sum = { 0 };
			list.sort((a, b) -> {
				if (sum[0] == 0)
					sum[0] = descend(depth - 1, n + 1);
				return a - b;
			});
			return sum[0];
		}
		case 1:
			return List.of(1).stream().mapToInt(x -> descend(depth - 1, n + x)).sum();
		default:
			try {
				return descend(depth - 1, n + 1) + 1;
			} finally {
				Thread.onSpinWait();
			}
		}
	}

	public static void main(String[] args) {
		long end = System.nanoTime() + Long.parseLong(args[0]) * 1_000_000_000L;
		int sum = 0;
		for (int n = 0; System.nanoTime() < end; n++)
			sum += descend(n % 10, n);
		if (sum == 42)
			System.out.println(sum);
	}
}
