// SPDX-License-Identifier: BSD-2-Clause

// Two threads with the same work for a second, for profilers of the JVM.
public class Spin {
	static long leaf(int turns)
	{
		long sum = 0;
		for (int i = 0; i < turns; i++)
			sum += (long)i * i % 7;
		return sum;
	}

	static long middle(long end)
	{
		long sum = 0;
		while (System.nanoTime() < end)
			sum += leaf(20000);
		return sum;
	}

	public static void main(String[] args) throws Exception
	{
		long end = System.nanoTime() + 1000000000L;
		Thread thread = new Thread(() -> System.out.println(middle(end)), "second worker");
		thread.start();
		System.out.println(middle(end));
		thread.join();
	}
}
