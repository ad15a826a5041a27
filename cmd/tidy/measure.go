package tidy

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Package is what is measured of one Go package, without its tests.
type Package struct {
	Path     string
	Lines    int
	Exported []string // package-level names
	// Methods counts the exported methods of each exported type, and Interface those of each interface.
	Methods, Interface map[string]int
	// Arrows counts the pairs of files of which the first uses what the second declares.
	Arrows int
	// Order is the order of the files in which the fewest arrows run backwards: a file uses what stands behind it.
	Order []string
	// Backward are the arrows that run against it, in words.
	Backward []string
}

// arrow runs from a file to one that it uses.
type arrow struct{ from, to string }

// listed is what is read of `go list -json`.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	Module                  *struct{ Main bool }
}

// Measure reads the packages below root, a folder of the module, that patterns name. It needs the go command and a
// build that works.
func Measure(root string, patterns ...string) ([]Package, error) {
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Module"},
		patterns...)...)
	list.Dir = root
	var complaints bytes.Buffer
	list.Stderr = &complaints
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, complaints.Bytes())
	}
	exports := map[string]string{}
	var ours []listed
	for in := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := in.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if p.Module != nil && p.Module.Main && len(p.GoFiles) > 0 {
			ours = append(ours, p)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var all []Package
	for _, p := range ours {
		m, err := measure(fset, imports, p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.ImportPath, err)
		}
		all = append(all, m)
	}
	return all, nil
}

func measure(fset *token.FileSet, imports types.Importer, p listed) (Package, error) {
	m := Package{Path: p.ImportPath, Methods: map[string]int{}, Interface: map[string]int{}}
	var files []*ast.File
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return m, err
		}
		m.Lines += fset.Position(file.FileEnd).Line
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	checked, err := (&types.Config{Importer: imports}).Check(p.ImportPath, fset, files, info)
	if err != nil {
		return m, err
	}
	m.count(checked.Scope())
	uses := map[arrow]int{}
	for ident, object := range info.Uses {
		if object.Pkg() != checked || !shared(object) {
			continue
		}
		if from, to := fileOf(fset, ident.Pos()), fileOf(fset, object.Pos()); from != to {
			uses[arrow{from, to}] = 1
		}
	}
	m.Arrows = len(uses)
	m.order(p.GoFiles, uses)
	return m, nil
}

func fileOf(fset *token.FileSet, at token.Pos) string {
	return filepath.Base(fset.Position(at).Filename)
}

// shared says whether object is declared for the whole package: a package-level name, a method or a field.
func shared(object types.Object) bool {
	if object.Parent() == object.Pkg().Scope() {
		return true
	}
	switch o := object.(type) {
	case *types.Func:
		return o.Signature().Recv() != nil
	case *types.Var:
		return o.IsField()
	}
	return false
}

// count counts names and methods.
func (m *Package) count(scope *types.Scope) {
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		if object.Exported() {
			m.Exported = append(m.Exported, name)
		}
		named, ok := object.Type().(*types.Named)
		if _, isType := object.(*types.TypeName); !isType || !ok {
			continue
		}
		if i, ok := named.Underlying().(*types.Interface); ok {
			if i.IsMethodSet() {
				m.Interface[name] = i.NumMethods()
			}
			continue
		}
		for i := range named.NumMethods() {
			if object.Exported() && named.Method(i).Exported() {
				m.Methods[name]++
			}
		}
	}
}

// order finds an order of the files in which few arrows run backwards: the one that takes away, again and again, the
// file that is used least by the others for how much it uses them, made better by moving one file at a time.
func (m *Package) order(files []string, uses map[arrow]int) {
	rest := slices.Sorted(slices.Values(files))
	for len(rest) > 0 {
		best := slices.MaxFunc(rest, func(a, b string) int {
			return cmp.Compare(surplus(uses, rest, a),
				surplus(uses, rest, b))
		})
		m.Order = append(m.Order, best)
		rest = slices.DeleteFunc(rest, func(f string) bool { return f == best })
	}
	for better := true; better; {
		better = false
		for _, file := range files {
			better = m.move(file, uses) || better
		}
	}
	for i, later := range m.Order {
		for _, earlier := range m.Order[:i] {
			if uses[arrow{later, earlier}] > 0 {
				m.Backward = append(m.Backward, later+" -> "+earlier)
			}
		}
	}
}

// surplus is how much more often file uses the others than they use it.
func surplus(uses map[arrow]int, others []string, file string) (n int) {
	for _, other := range others {
		n += uses[arrow{file, other}] - uses[arrow{other, file}]
	}
	return n
}

// move puts file where it does least harm, and says whether that was better than where it stood.
func (m *Package) move(file string, uses map[arrow]int) bool {
	at := slices.Index(m.Order, file)
	gain, best, to := 0, 0, at
	for i := at - 1; i >= 0; i-- { // to stand before m.Order[i]
		gain += uses[arrow{file, m.Order[i]}] - uses[arrow{m.Order[i], file}]
		if gain > best {
			best, to = gain, i
		}
	}
	gain = 0
	for i := at + 1; i < len(m.Order); i++ { // to stand behind m.Order[i]
		gain += uses[arrow{m.Order[i], file}] - uses[arrow{file, m.Order[i]}]
		if gain > best {
			best, to = gain, i
		}
	}
	if best == 0 {
		return false
	}
	m.Order = slices.Insert(slices.Delete(m.Order, at, at+1), to, file)
	return true
}

// BackwardPercent is how many of a hundred arrows between the package's files run backwards.
func (p Package) BackwardPercent() int {
	if p.Arrows == 0 {
		return 0
	}
	return 100 * len(p.Backward) / p.Arrows
}
