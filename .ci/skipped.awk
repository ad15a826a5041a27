# Reads what cmd/needs wrote, a test and a Debian package per line, and makes one line of it.
{ tests = tests sep $1; sep = ", "; if (!seen[$2]++) missing = missing " " $2 }
END { if (NR) print "Skipped for want of programs: " tests ". To run them too: apt-get install" missing }
