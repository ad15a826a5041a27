// Package census says who is connected: the connections that a filter leaves, the first of them in an order, page by
// page; and it ends one that is named.
//
// Its one rule is that looking costs the loops nothing that traffic would notice: each loop looks at its own
// connections, some per turn, without a lock that others wait for; it keeps one page, whatever their number; and one
// census is taken at a time.
//
// It never knows what a connection is asked, nor who wants to know.
package census
