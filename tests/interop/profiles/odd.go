// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/google/pprof/profile"
)

func function(id uint64, name string) *profile.Function {
	return &profile.Function{ID: id, Name: name, SystemName: name, Filename: "/src/" + name + ".c", StartLine: 3}
}

func types(pairs ...string) []*profile.ValueType {
	list := []*profile.ValueType{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, &profile.ValueType{Type: pairs[i], Unit: pairs[i+1]})
	}
	return list
}

// A small profile of two functions, main and leaf, that others are made of.
func base(sampleTypes ...string) (*profile.Profile, []*profile.Location) {
	mapping := &profile.Mapping{ID: 1, Start: 0x400000, Limit: 0x500000, Offset: 0x1000, File: "/bin/odd", BuildID: "a1b2c3"}
	functions := []*profile.Function{function(1, "main"), function(2, "leaf")}
	locations := []*profile.Location{
		{ID: 1, Mapping: mapping, Address: 0x400100, Line: []profile.Line{{Function: functions[0], Line: 10}}},
		{ID: 2, Mapping: mapping, Address: 0x400200, Line: []profile.Line{{Function: functions[1], Line: 20}}},
	}
	return &profile.Profile{
		SampleType: types(sampleTypes...),
		Mapping:    []*profile.Mapping{mapping},
		Function:   functions,
		Location:   locations,
	}, locations
}

func add(p *profile.Profile, values []int64, stack ...*profile.Location) *profile.Sample {
	s := &profile.Sample{Value: values, Location: stack}
	p.Sample = append(p.Sample, s)
	return s
}

func severalTypes() *profile.Profile {
	p, l := base("wall", "milliseconds", "alloc", "kilobytes", "widgets", "widgets", "tries", "count")
	p.DefaultSampleType = "alloc"
	add(p, []int64{5, 2, 7, 1}, l[1], l[0])
	add(p, []int64{0, 0, 9, 0}, l[0])
	add(p, []int64{0, 0, 0, 0}, l[1])
	return p
}

func inlinedLines() *profile.Profile {
	p, l := base("samples", "count", "cpu", "nanoseconds")
	p.PeriodType, p.Period = &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, 1000000
	p.TimeNanos, p.DurationNanos = 1600000000000000000, 2000000000
	p.Function = append(p.Function, function(3, "inner"), function(4, "innermost"))
	l[1].Line = []profile.Line{{Function: p.Function[3], Line: 1}, {Function: p.Function[2], Line: 2}, l[1].Line[0]}
	l[1].IsFolded = true
	add(p, []int64{3, 3000000}, l[1], l[0])
	add(p, []int64{4, 4000000}, l[1], l[1], l[0])
	return p
}

func noMappings() *profile.Profile {
	p, l := base("events", "count")
	p.Mapping = nil
	p.Location = append(p.Location, &profile.Location{ID: 3, Address: 0x7000}, &profile.Location{ID: 4})
	for _, location := range p.Location {
		location.Mapping = nil
	}
	add(p, []int64{1}, l[1], l[0])
	add(p, []int64{2}, p.Location[2], l[0])
	add(p, []int64{4}, p.Location[3], l[0])
	add(p, []int64{8})
	return p
}

func labels() *profile.Profile {
	p, l := base("samples", "count")
	s := add(p, []int64{1}, l[1], l[0])
	s.Label = map[string][]string{"key": {"one", "two"}, "empty": {""}, "thread name": {"worker 1"}}
	s = add(p, []int64{2}, l[1], l[0])
	s.NumLabel = map[string][]int64{"bytes": {4096}, "latency": {7}, "delta": {-3}}
	s.NumUnit = map[string][]string{"bytes": {"bytes"}, "latency": {"milliseconds"}, "delta": {""}}
	s = add(p, []int64{4}, l[1], l[0])
	s.Label = map[string][]string{"pid": {"no number"}, "tid": {"12"}}
	return p
}

func filters() *profile.Profile {
	p, l := base("samples", "count")
	p.DropFrames, p.KeepFrames = "no_such_function", "nor_this"
	add(p, []int64{5}, l[1], l[0])
	return p
}

// Names may be any text.
func names() *profile.Profile {
	p, l := base("samples", "count")
	p.Function[0].Name = "operator()(int) const [with T = char; U = void]"
	p.Function[1].Name = "имя 名前"
	p.Comments = []string{"made by a test", "in two comments"}
	add(p, []int64{1}, l[1], l[0])
	add(p, []int64{1}, l[1], l[0])
	return p
}

func deep() *profile.Profile {
	p, l := base("samples", "count")
	stack := []*profile.Location{l[1]}
	for i := 0; i < 2000; i++ {
		stack = append(stack, l[0])
	}
	add(p, []int64{3}, stack...)
	return p
}

func none() *profile.Profile {
	p, _ := base("samples", "count")
	return p
}

func negative() *profile.Profile {
	p, l := base("samples", "count")
	add(p, []int64{-1}, l[0])
	return p
}

func tooMuch() *profile.Profile {
	p, l := base("samples", "count")
	add(p, []int64{math.MaxInt64}, l[0])
	add(p, []int64{math.MaxInt64}, l[1])
	return p
}

func manyTypes() *profile.Profile {
	list, values := []string{}, []int64{}
	for i := int64(0); i < 20; i++ {
		list, values = append(list, fmt.Sprint("type", i), "widgets"), append(values, i)
	}
	p, l := base(list...)
	add(p, values, l[0])
	return p
}

func odd(dir string) error {
	for name, make := range map[string]func() *profile.Profile{
		"several_types": severalTypes, "inlined_lines": inlinedLines, "no_mappings": noMappings, "labels": labels,
		"filters": filters, "names": names, "deep": deep, "none": none, "negative": negative, "too_much": tooMuch,
		"many_types": manyTypes,
	} {
		var plain bytes.Buffer
		p := make()
		if err := p.CheckValid(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := p.WriteUncompressed(&plain); err != nil {
			return err
		}
		half := plain.Len() / 2
		for suffix, parts := range map[string][][]byte{
			".pprof": nil, ".pb.gz": {plain.Bytes()}, ".members.gz": {plain.Bytes()[:half], plain.Bytes()[half:]},
		} {
			if err := write(filepath.Join(dir, name+suffix), plain.Bytes(), parts); err != nil {
				return err
			}
		}
	}
	return nil
}

// Writes the members of a gzip file; plain when there are none.
func write(path string, plain []byte, members [][]byte) error {
	var out bytes.Buffer
	for _, member := range members {
		z := gzip.NewWriter(&out)
		if _, err := z.Write(member); err != nil {
			return err
		}
		if err := z.Close(); err != nil {
			return err
		}
	}
	if members == nil {
		out.Write(plain)
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}
