package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Locks finds the functions of a file that break the convention of locks: who unlocks has locked, in the same function,
// and a function named ...Locked is called with the lock held and leaves it so.
func Locks(fset *token.FileSet, file *ast.File) (found []string) {
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		locked := map[string]bool{}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			mutex, verb := lockCall(call)
			switch verb {
			case "Lock", "TryLock", "RLock", "TryRLock":
				locked[mutex] = true
			case "Unlock", "RUnlock":
				if !locked[mutex] {
					found = append(found, fmt.Sprintf("%s: %s unlocks %s, which it has not locked",
						fset.Position(call.Pos()), fn.Name.Name, mutex))
				}
			}
			return true
		})
		if mutex, ok := own(fn, locked); ok {
			found = append(found, fmt.Sprintf("%s: %s locks %s, which its name says is locked",
				fset.Position(fn.Pos()), fn.Name.Name, mutex))
		}
	}
	return found
}

// lockCall is the mutex that call locks or unlocks, and how.
func lockCall(call *ast.CallExpr) (mutex, verb string) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) > 0 {
		return "", ""
	}
	return types.ExprString(selector.X), selector.Sel.Name
}

// own is the mutex of its receiver that a ...Locked function locks although it is held.
func own(fn *ast.FuncDecl, locked map[string]bool) (mutex string, ok bool) {
	if !strings.HasSuffix(fn.Name.Name, "Locked") || fn.Recv == nil || len(fn.Recv.List[0].Names) == 0 {
		return "", false
	}
	receiver := fn.Recv.List[0].Names[0].Name
	for _, mutex := range []string{receiver, receiver + ".mu"} {
		if locked[mutex] {
			return mutex, true
		}
	}
	return "", false
}
