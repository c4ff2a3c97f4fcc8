#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bash that does without other programs: functions, patterns, arithmetic, arrays. Usage: busy.sh SECONDS

declare -A seen
total=0

leaf()
{
	local text='' i
	for ((i = 0; i < $1 % 12; i++)); do
		printf -v text '%s%x;' "$text" $((i * 7919 + $1))
	done
	[[ $text =~ ([0-9a-f]+)\;([0-9a-f]+) ]] && seen[${BASH_REMATCH[1]}]=$i
	text=${text//;/ }
	read -r -a words <<<"$text"
	total=$((total + ${#words[@]}))
}

descend()
{
	local depth=$1
	if ((depth == 0)); then
		leaf "$2"
	elif (($2 % 3 == 0)); then
		case x$2 in
		x*) eval "descend $((depth - 1)) $2" ;;
		esac
	else
		for _ in one two; do
			descend $((depth - 1)) $(($2 + 1))
			break
		done
	fi
}

for ((n = 0; SECONDS < $1; n++)); do
	descend $((n % 12)) "$n"
	((${#seen[@]} > 1000)) && seen=()
done
((total > 0))
