// SPDX-License-Identifier: BSD-2-Clause

// Profiles that Go's own code writes and reads, for tests of our reader. Built and run by tests/interop/test_profiles.py.
//
//	profiles work DIR   runs a load under each profiler of runtime/pprof
//	profiles odd DIR    writes profiles with all that is legal and seldom seen
//	profiles dump FILE  prints what github.com/google/pprof/profile finds in a profile, as JSON
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/pprof/profile"
)

type sample struct {
	Values []int64             `json:"values"`
	Stack  []string            `json:"stack"` // leaf first, inlined functions too; "" = without a name
	Labels map[string][]string `json:"labels"`
}

type dump struct {
	Types   []string `json:"types"`
	Default string   `json:"default"`
	Period  int64    `json:"period"`
	Samples []sample `json:"samples"`
}

func main() {
	commands := map[string]func(string) error{"work": work, "odd": odd, "dump": dumpFile}
	if len(os.Args) != 3 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: profiles work|odd DIR | dump FILE")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func dumpFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	p, err := profile.Parse(file)
	if err != nil {
		return err
	}
	out := dump{Default: p.DefaultSampleType, Period: p.Period, Samples: []sample{}}
	for _, t := range p.SampleType {
		out.Types = append(out.Types, t.Type+"/"+t.Unit)
	}
	for _, s := range p.Sample {
		out.Samples = append(out.Samples, sample{s.Value, stackOf(s), labelsOf(s)})
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func stackOf(s *profile.Sample) []string {
	stack := []string{}
	for _, l := range s.Location {
		for _, line := range l.Line {
			stack = append(stack, line.Function.Name)
		}
		if len(l.Line) == 0 {
			stack = append(stack, "")
		}
	}
	return stack
}

func labelsOf(s *profile.Sample) map[string][]string {
	labels := map[string][]string{}
	for key, values := range s.Label {
		labels[key] = append(labels[key], values...)
	}
	for key, values := range s.NumLabel {
		for i, value := range values {
			name := key
			if units := s.NumUnit[key]; i < len(units) && units[i] != "" && units[i] != key {
				name = key + " (" + units[i] + ")"
			}
			labels[name] = append(labels[name], fmt.Sprint(value))
		}
	}
	return labels
}
