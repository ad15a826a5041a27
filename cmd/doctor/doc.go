// Package doctor says whether a machine can hold a number of connections: what its kernel, its control groups and its
// service manager allow, what so many connections need, and what mends the difference. docs/SYSCTL.md and
// docs/deploy/99-weir.conf are made of the same table.
//
// Its one rule: it only looks. It changes no setting, and a file that is missing or says something else is "not known",
// which is neither good nor bad. What it reads comes through an fs.FS, so that tests play other machines; the one thing
// that it does, weighing sockets of its own (Weigh), is asked for apart.
//
// It never knows a connection, nor what is served.
package doctor
