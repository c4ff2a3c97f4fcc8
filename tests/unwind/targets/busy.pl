# SPDX-License-Identifier: BSD-2-Clause
# Perl that sorts, matches and recurses. Usage: busy.pl SECONDS
use strict;
use warnings;

my %seen;

sub leaf {
	my ($n) = @_;
	my $text = join ' ', map { sprintf '%x:%s', $_, 'x' x ($_ % 7) } 1 .. $n % 40;
	my $count = () = $text =~ /(\w+):(x*)/g;
	(my $other = $text) =~ s/(\d+)/$1 + 1/ge;
	$seen{ substr $other, 0, 12 }++;
	return $count + length $other;
}

sub descend {
	my ($depth, $n) = @_;
	return leaf($n) if $depth == 0;
	my $kind = ($n * 7 + $depth) % 4;
	if ($kind == 0) {
		my $sum = 0;
		my @sorted = sort { $sum ||= descend($depth - 1, $n + 1); $a <=> $b } 3, 1, 2;
		return $sum + $sorted[0];
	}
	if ($kind == 1) {
		my @all = map { descend($depth - 1, $n + $_) } 1;
		return $all[0];
	}
	if ($kind == 2) {
		my $value = eval { die descend($depth - 1, $n) . "\n" };
		chomp($value = $@);
		return $value;
	}
	return length sprintf '%s', 'b' =~ s/b/descend($depth - 1, $n)/er;
}

my $end = time + $ARGV[0];
my $n = 0;
while (time < $end) {
	$n++;
	descend($n % 12, $n);
	%seen = () if keys %seen > 1000;
}
