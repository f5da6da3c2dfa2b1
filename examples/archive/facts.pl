#!/usr/bin/perl
# Finds out, on its own, what an import of a Packages list (standard input) must give: it shares
# nothing with the importer. Prints one JSON object: how many of everything there must be; a package
# that nothing depends on (`leaf`); a source whose packages only depend on each other, as many as
# possible (`family`), and how many resources go when it is deleted (`family_size`).
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

my ($references, $recommends, %source_of, %members, %referrers) = (0, 0);
for my $name (@order) {
    my $field = $stanza{$name};
    my @depends = targets($field->{"pre-depends"}, $field->{depends});
    $references += @depends;
    push @{ $referrers{$_} }, $name for @depends;
    $recommends += targets($field->{recommends});
    my $source = $field->{source} // $name;
    $source =~ s/\s.*$//;
    $source_of{$name} = $source;
    push @{ $members{$source} }, $name;
}

my ($family, $family_size) = ("", 0);
for my $source (sort keys %members) {
    my @outside = grep { $source_of{$_} ne $source }
                  map { @{ $referrers{$_} // [] } } @{ $members{$source} };
    my $size = 1 + @{ $members{$source} };
    ($family, $family_size) = ($source, $size) if !@outside && $size > $family_size && $size <= 20;
}
my ($leaf) = grep { !$referrers{$_} && $source_of{$_} ne $family } sort @order;

printf '{"packages":%d,"sources":%d,"references":%d,"recommends":%d,"libc6_referrers":%d,'
     . '"leaf":"%s","family":"%s","family_size":%d}' . "\n",
    scalar(@order), scalar(keys %members), $references, $recommends,
    scalar(@{ $referrers{libc6} // [] }), $leaf, $family, $family_size;
