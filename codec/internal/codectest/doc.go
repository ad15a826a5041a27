// Package codectest holds what the tests of several codecs share. Its one rule: it cuts input and judges nothing, so it
// never knows what the bytes mean.
package codectest
