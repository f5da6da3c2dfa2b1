#!/usr/bin/perl
# Counts what an import of a Packages list (standard input) must give, on its own: it shares nothing
# with the importer. Prints one JSON object.
use strict;
use warnings;

my (%stanza, @order);
{
    local $/ = "";    # paragraphs
    while (my $text = <STDIN>) {
        $text =~ s/\n[ \t]+/ /g;    # continued lines
        my %field;
        for my $line (split /\n/, $text) {
            $field{ lc $1 } = $2 if $line =~ /^([^\s:]+):\s*(.*)$/;
        }
        my $name = $field{package} // next;
        next if $stanza{$name};     # of repeated stanzas the first counts
        $stanza{$name} = \%field;
        push @order, $name;
    }
}

sub targets {
    my %seen;
    for my $clause (split /,/, join(",", grep { defined && length } @_)) {
        for my $alternative (split /\|/, $clause) {
            $alternative =~ s/\(.*?\)//g;
            $alternative =~ s/\s+//g;
            $alternative =~ s/:.*$//;
            if ($stanza{$alternative}) { $seen{$alternative} = 1; last; }
        }
    }
    return keys %seen;
}

my ($references, $recommends, %sources, %referrers) = (0, 0);
for my $name (@order) {
    my $field = $stanza{$name};
    my @depends = targets($field->{"pre-depends"}, $field->{depends});
    $references += @depends;
    $referrers{$_}++ for @depends;
    $recommends += targets($field->{recommends});
    my $source = $field->{source} // $name;
    $source =~ s/\s.*$//;
    $sources{$source} = 1;
}
printf "{\"packages\":%d,\"sources\":%d,\"references\":%d,\"recommends\":%d,\"libc6_referrers\":%d}\n",
    scalar(@order), scalar(keys %sources), $references, $recommends, $referrers{libc6} // 0;
