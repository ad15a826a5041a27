// Package shelf is what mounts offer to clients: at the main endpoint under the names that their options make, and each
// at an endpoint of its own, where nothing has a prefix.
//
// A Shelf has a Part for each mount. It is brought up to what its mount lists (Part.Offer), and emptied when the mount
// leaves (Part.Retire). Two mounts, or a mount and the program itself, cannot have one name at one endpoint: who came
// first has it. A mount that is another under the same name takes over one by one what the one before has.
//
// Its one rule: an entry that cannot be offered is left out and named in the log; the others are offered.
//
// It never knows how a mount is spoken to, or what a call is.
package shelf
