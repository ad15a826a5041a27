package doctor

import (
	"fmt"
	"strings"
)

// sizes are the columns of the page.
var sizes = []int{10_000, 25_000, 100_000, 1_000_000}

// Page is the part of docs/SYSCTL.md that is made of the table: the numbers, and a chapter for each setting.
func Page() string {
	var page strings.Builder
	page.WriteString("| setting | must | 10K | 25K | 100K | 1M |\n|---|---|---|---|---|---|\n")
	for _, s := range all() {
		if s.number == nil {
			continue
		}
		fmt.Fprintf(&page, "| %s | %s |", s.name, map[bool]string{true: "must", false: "advice"}[s.must])
		for _, n := range sizes {
			fmt.Fprintf(&page, " %s%s |", group(s.number(n)), s.unit)
		}
		page.WriteString("\n")
	}
	for _, s := range all() {
		fmt.Fprintf(&page, "\n### %s\n\n%s\n\n- **Sum:** %s\n", s.name, sentence(s.does), sentence(s.sum))
		if s.key != "" {
			fmt.Fprintf(&page, "- **In the file for 100,000:** `%s`\n", s.line(100_000))
		}
		fmt.Fprintf(&page, "- **Verify:** %s.\n- **Wrong:** %s.\n- **In Weir:** %s.\n", s.verify, s.fails, s.shows)
	}
	return page.String()
}

func sentence(text string) string { return strings.TrimSuffix(text, ".") + "." }

// SysctlFile is docs/deploy/99-weir.conf: what n connections need of the kernel, for a machine of which nothing is
// known.
func SysctlFile(n int) string {
	var file strings.Builder
	fmt.Fprintf(&file, `# What %s connections need of the kernel: docs/SYSCTL.md has the sums. As
# /etc/sysctl.d/99-weir.conf, then "sysctl --system" as root. Written by
# "make docs" from the table of the command doctor.
#
# On a large machine the kernel's own tcp_mem and tcp_max_orphans may be above these, and a line here would lower them:
# "weir doctor --connections %d" prints the lines that the machine lacks, and those alone.
#
# Not here: the limit on open files is none of the kernel's settings (LimitNOFILE= of the unit, ulimit -n);
# fs.file-max and fs.epoll.max_user_watches follow the size of memory; nf_conntrack_max exists only with a firewall.
`, group(int64(n)), n)
	for _, s := range all() {
		if s.key != "" {
			file.WriteString("\n# " + s.why + "\n" + s.line(n) + "\n")
		}
	}
	return file.String()
}
