-- SPDX-License-Identifier: BSD-2-Clause
-- Understood by sqlite3 and by PostgreSQL: recursion, sorting, joins, text, aggregates.
SELECT count(*), max(t), sum(n) FROM (
  WITH RECURSIVE numbers(n, t) AS (
    SELECT 1, 'a' UNION ALL SELECT n + 1, substr(t || 'xyz' || (n % 17), 1, 40) FROM numbers WHERE n < 400
  )
  SELECT a.n, a.t FROM numbers a JOIN numbers b ON a.n % 97 = b.n % 89
  WHERE a.t LIKE '%y%1%' OR b.n % 3 = 0 ORDER BY a.t, b.n DESC LIMIT 300
) ordered;
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300)
SELECT n % 10, count(*), avg(n * 1.5), min(upper(replace(CAST(n AS text), '1', 'one'))) FROM numbers
GROUP BY n % 10 HAVING count(*) > 3 ORDER BY 3;
