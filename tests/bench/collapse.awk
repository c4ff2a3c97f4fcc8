# SPDX-License-Identifier: BSD-2-Clause
# The text of perf script as folded stacks, in the manner of stackcollapse-perf.pl. Used by pipelines.py.

/^[^\t ]|^ +[^\t ]+ +[0-9]/ {
	match($0, / +-?[0-9]+(\/-?[0-9]+)? /)
	comm = substr($0, 1, RSTART - 1)
	sub(/^ +/, "", comm)
	gsub(/ /, "_", comm)
	stack = ""
	open = 1
	next
}

/^\t/ {
	name = $0
	sub(/^[\t ]*[0-9a-f]+ /, "", name)
	sub(/ \([^ ]*\)$/, "", name)
	sub(/\+0x[0-9a-f]+$/, "", name)
	stack = ";" name stack
	next
}

/^$/ && open {
	counts[comm stack]++
	open = 0
}

END {
	for (line in counts)
		print line, counts[line]
}
