// SPDX-License-Identifier: BSD-2-Clause

// Reads OTLP profiles with the OpenTelemetry collector's own data model and prints, as JSON, for each file the weight
// of each innermost function by sample type. Fails on an index that points nowhere.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"

	"go.opentelemetry.io/collector/pdata/pprofile"
)

func fail(what string, args ...any) {
	fmt.Fprintf(os.Stderr, what+"\n", args...)
	os.Exit(1)
}

// The name of the innermost function of a stack, or what a reader can show instead.
func leaf(d pprofile.ProfilesDictionary, stack int32) string {
	locations := d.StackTable().At(int(stack)).LocationIndices()
	if locations.Len() == 0 {
		return "[no stack]"
	}
	location := d.LocationTable().At(int(locations.At(0)))
	if location.Lines().Len() > 0 {
		function := d.FunctionTable().At(int(location.Lines().At(0).FunctionIndex()))
		return d.StringTable().At(int(function.NameStrindex()))
	}
	if location.MappingIndex() == 0 {
		return fmt.Sprintf("0x%x", location.Address())
	}
	mapping := d.MappingTable().At(int(location.MappingIndex()))
	name := d.StringTable().At(int(mapping.FilenameStrindex()))
	return fmt.Sprintf("%s+0x%x", path.Base(name), location.Address()-mapping.MemoryStart()+mapping.FileOffset())
}

// What a sample weighs; checks what the schema demands of its values and times.
func weight(p pprofile.Profile, s pprofile.Sample) int64 {
	times, values := s.TimestampsUnixNano().Len(), s.Values().Len()
	if times == 0 && values != 1 || times > 0 && values > 0 && times != values {
		fail("a sample with %d times and %d values", times, values)
	}
	for i := 0; i < times; i++ {
		at := s.TimestampsUnixNano().At(i)
		if at < uint64(p.Time()) || at >= uint64(p.Time())+p.DurationNano() {
			fail("a sample at %d is not in [%d, +%d)", at, p.Time(), p.DurationNano())
		}
	}
	if values == 0 {
		return int64(times)
	}
	sum := int64(0)
	for i := 0; i < values; i++ {
		sum += s.Values().At(i)
	}
	return sum
}

func checkDictionary(d pprofile.ProfilesDictionary) {
	for what, length := range map[string]int{"mapping": d.MappingTable().Len(), "location": d.LocationTable().Len(),
		"function": d.FunctionTable().Len(), "link": d.LinkTable().Len(), "string": d.StringTable().Len(),
		"attribute": d.AttributeTable().Len(), "stack": d.StackTable().Len()} {
		if length == 0 {
			fail("the %s table has no element 0", what)
		}
	}
	if d.StringTable().At(0) != "" {
		fail("string 0 is not empty")
	}
	seen := map[string]bool{}
	for i := 0; i < d.StringTable().Len(); i++ {
		if seen[d.StringTable().At(i)] {
			fail("string %d is there twice", i)
		}
		seen[d.StringTable().At(i)] = true
	}
}

func read(file string) map[string]map[string]int64 {
	data, err := os.ReadFile(file)
	if err != nil {
		fail("%v", err)
	}
	profiles, err := (&pprofile.ProtoUnmarshaler{}).UnmarshalProfiles(data)
	if err != nil {
		fail("%s: %v", file, err)
	}
	d := profiles.Dictionary()
	checkDictionary(d)
	result := map[string]map[string]int64{}
	for _, resource := range profiles.ResourceProfiles().All() {
		for _, scope := range resource.ScopeProfiles().All() {
			for _, profile := range scope.Profiles().All() {
				kind := d.StringTable().At(int(profile.SampleType().TypeStrindex()))
				if result[kind] == nil {
					result[kind] = map[string]int64{}
				}
				for _, sample := range profile.Samples().All() {
					keys := map[int32]bool{}
					for _, index := range sample.AttributeIndices().All() {
						key := d.AttributeTable().At(int(index)).KeyStrindex()
						if keys[key] {
							fail("a sample has an attribute twice")
						}
						keys[key] = true
					}
					result[kind][leaf(d, sample.StackIndex())] += weight(profile, sample)
				}
			}
		}
	}
	return result
}

func main() {
	results := []map[string]map[string]int64{}
	for _, file := range os.Args[1:] {
		results = append(results, read(file))
	}
	text, err := json.Marshal(results)
	if err != nil {
		fail("%v", err)
	}
	fmt.Println(string(text))
}
