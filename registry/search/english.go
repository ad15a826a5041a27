package search

import "strings"

// What is known of the language of questions, which is English nearly always. Words are kept as stems.

// commonWords say nothing of what is wanted.
var commonWords = func() map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.Fields(`a an the this that these those it its of in on at to for from by with about
		into is are was were be been am do does did has have had can could may might will would shall should must
		what which whose why how and or not no but if then than so as i me my mine we us our you your they them
		their he she his her there here please want need like some any let tell`) {
		words[string(stem([]byte(word)))] = true
	}
	return words
}()

// Words that mean about the same where tools are named: who asks for a folder has not heard that it is called a
// directory. A line is a group. Behind an arrow are words that the one before it may stand for, and not the reverse:
// "who" is asked of users.
const sameWords = `
create make add new generate insert build compose
delete remove erase drop discard destroy purge trash wipe clear
get read show fetch view retrieve load open display see print give return
list enumerate browse
update edit change modify alter set replace adjust patch
search find look locate query lookup discover
write save store put
move rename relocate transfer
copy duplicate clone
run execute call invoke trigger perform
send post notify publish
start begin launch
stop end halt kill terminate cancel
pause suspend mute silence snooze
enable activate toggle
disable deactivate toggle
install setup
compare diff difference
check validate verify valid correct
test try probe
measure count total sum
convert transform translate
calculate compute evaluate math arithmetic
merge combine join
split divide
sort order rank
upload attach
download export
close finish resolve
approve accept acknowledge confirm
assign own owner
repeat echo
compress zip gzip archive
extract unzip decompress
encode escape
decode unescape
hash digest checksum
undo revert rollback restore
explain describe summarize
folder directory
file document
path location
image picture photo screenshot png
audio sound voice
video movie
chart graph plot diagram
overview summary
user person people member colleague
team group
incident outage
alert alarm warning notification
schedule rota rotation roster calendar
log journal
trace span
latency duration slow
error failure exception fault crash
label tag attribute
field property column
history version revision
plugin extension addon
database db sql
postgres > database datasource
mysql > database datasource
message mail email
channel chat
ticket issue bug
event meeting appointment
customer client contact
note comment annotation marker remark
fact observation
relation relationship connection
entity node object
memory remember knowledge know recall
think thinking thought reason reflect
step sequential
progress status state
input ask elicitation prompt form
model llm ai
documentation doc manual guide reference help tutorial
library package framework
function method
class type kind
url link address website
price cost
color colour
text string paragraph sentence
number integer digit
character letter symbol emoji
regex regexp
statistic stat volume amount
health healthy status reachable available alive
size big large byte
login logged signin identity account
permission access allowed
secret password credential
rule policy
route routing
environment env
configuration config setting
host machine server node
repository repo
task job work operation
who > user
when > time date schedule
much > amount size count
many > count number
where > search find location path
everything > entire whole complete
all > list
recent > latest last
forget > delete remove
keep mind > remember store save
share > link export publish
put > write
inside > list content
today tomorrow yesterday > date time
now > current time
born birthday age old weekday > date
mile kilometre kilometer metre meter inch pound kilogram celsius fahrenheit litre > unit convert
average mean deviation median percentile > statistic
jpg jpeg gif picture logo > image media
mp3 wav recording song music > audio media
subnet netmask network > ip cidr
postgres mysql elasticsearch clickhouse influxdb redis > database datasource
usage utilization consumption cpu > metric
exception > log
hot flamegraph > profile
firing > alert
release > version
spoken speech > audio
octal decimal hexadecimal binary > base number
several > multiple
nested > recursive tree
disk > file directory
first > head
last > tail latest
declare raise report > create
throw away > delete remove
setup > create install configure
signin login > authenticate
draw screenshot > render
long > duration length
often frequent recurring repeated usual > pattern
weird odd unusual > anomaly error
broken failing outage > error incident
working > health status
expire > expiration
external public outsider > share
brief short > summary
strong safe > secure
say > content read
root power formula equation sqrt plus minus > math expression
emoji symbol letter > unicode
meaning > description definition
note > add
raw > api request
lookup > search find
`

// alike are the words that another may stand for.
var alike = func() map[string][][]byte {
	others := map[string][][]byte{}
	for _, line := range strings.Split(sameWords, "\n") {
		from, to, oneWay := strings.Cut(line, " > ")
		words := stems(from)
		if oneWay {
			for _, word := range words {
				others[string(word)] = append(others[string(word)], stems(to)...)
			}
			continue
		}
		for i, word := range words {
			others[string(word)] = append(append(others[string(word)], words[:i]...), words[i+1:]...)
		}
	}
	return others
}()

func stems(text string) (all [][]byte) {
	for _, word := range strings.Fields(text) {
		all = append(all, stem([]byte(word)))
	}
	return all
}
