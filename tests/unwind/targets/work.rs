// SPDX-License-Identifier: BSD-2-Clause
//! Rust to be stopped at random instants: closures, trait objects, sorting, hash maps, panics that are caught, threads.
//! Usage: work SECONDS

use std::collections::HashMap;
use std::panic;
use std::ptr;
use std::time::{Duration, Instant};

/// Hides a value from the optimizer.
fn opaque<T>(value: T) -> T {
    unsafe {
        let seen = ptr::read_volatile(&value);
        std::mem::forget(value);
        seen
    }
}

struct Random(u64);

impl Random {
    fn pick(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % below
    }
}

trait Step {
    fn run(&self, random: &mut Random, left: u64) -> u64;
}

struct Sorting;
struct Hashing;
struct Catching;
struct Boxing;

impl Step for Sorting {
    #[inline(never)]
    fn run(&self, random: &mut Random, left: u64) -> u64 {
        let mut numbers: Vec<u64> = (0..16).map(|i| i * 7919 % 17).collect();
        let mut sum = 0;
        numbers.sort_by(|a, b| {
            if sum == 0 {
                sum = descend(random, left - 1) | 1;
            }
            a.cmp(b)
        });
        sum + numbers[0]
    }
}

impl Step for Hashing {
    #[inline(never)]
    fn run(&self, random: &mut Random, left: u64) -> u64 {
        let mut map = HashMap::new();
        for i in 0..left * 4 {
            *map.entry(format!("key {}", i % 5)).or_insert(0u64) += i;
        }
        descend(random, left - 1) + map.values().sum::<u64>()
    }
}

impl Step for Catching {
    #[inline(never)]
    fn run(&self, random: &mut Random, left: u64) -> u64 {
        panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let sum = descend(random, left - 1);
            if random.pick(8) == 0 {
                panic!("on purpose, {} left", left);
            }
            sum
        }))
        .unwrap_or(3)
    }
}

impl Step for Boxing {
    #[inline(never)]
    fn run(&self, random: &mut Random, left: u64) -> u64 {
        let call: Box<dyn FnOnce(&mut Random) -> u64> = Box::new(move |r| descend(r, left - 1));
        let room = opaque([left; 64]);
        call(random) + room[3]
    }
}

#[inline(never)]
fn leaf(random: &mut Random) -> u64 {
    let words: Vec<String> = (0..random.pick(20)).map(|i| format!("{:x}", i * i)).collect();
    words.join(" ").split(' ').filter_map(|w| u64::from_str_radix(w, 16).ok()).sum()
}

#[inline(never)]
fn descend(random: &mut Random, left: u64) -> u64 {
    let steps: [&dyn Step; 4] = [&Sorting, &Hashing, &Catching, &Boxing];
    if left == 0 {
        return opaque(leaf(random));
    }
    opaque(steps[random.pick(4) as usize].run(random, left))
}

fn work(seed: u64, end: Instant) -> u64 {
    let mut random = Random(seed);
    let mut sum = 0u64;
    while Instant::now() < end {
        let depth = random.pick(14);
        sum = sum.wrapping_add(descend(&mut random, depth));
    }
    sum
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let end = Instant::now() + Duration::from_secs(seconds);
    panic::set_hook(Box::new(|_| {}));
    let other = std::thread::spawn(move || work(977, end));
    opaque(work(88172645463325252, end));
    opaque(other.join().unwrap_or(0));
}
