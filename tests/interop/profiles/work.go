// SPDX-License-Identifier: BSD-2-Clause

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

var (
	sink  []string
	total uint64
	gate  sync.Mutex
)

//go:noinline
func spin(turns uint64) uint64 {
	for i := uint64(0); i < turns; i++ {
		total += i * i
	}
	return total
}

func inlined(turns uint64) uint64 { return spin(turns) + 1 }

//go:noinline
func recurse(depth int) {
	if depth > 0 {
		recurse(depth - 1)
		return
	}
	inlined(2000000)
}

//go:noinline
func allocate() {
	for i := 0; i < 2000; i++ {
		sink = append(sink, strings.Repeat("x", 1000))
	}
	sink = sink[:len(sink)/2]
}

func contend() {
	var all sync.WaitGroup
	for i := 0; i < 4; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := 0; n < 20; n++ {
				gate.Lock()
				time.Sleep(100 * time.Microsecond)
				gate.Unlock()
			}
		}()
	}
	all.Wait()
}

func work(dir string) error {
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	cpu, err := os.Create(filepath.Join(dir, "cpu.pb.gz"))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	for end := time.Now().Add(700 * time.Millisecond); time.Now().Before(end); {
		pprof.Do(context.Background(), pprof.Labels("request", "a;b", "tenant", "größe"), func(context.Context) { recurse(40) })
		inlined(1000000)
		allocate()
	}
	pprof.StopCPUProfile()
	if err := cpu.Close(); err != nil {
		return err
	}
	contend()
	for _, name := range []string{"heap", "allocs", "mutex", "block", "goroutine", "threadcreate"} {
		file, err := os.Create(filepath.Join(dir, name+".pb.gz"))
		if err != nil {
			return err
		}
		if err := pprof.Lookup(name).WriteTo(file, 0); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}
