#!/usr/bin/env bash
# Looks for code of the kernels that was not inlined into the function that is compiled for its instruction set: vector
# instructions become calls then, some fifty times as slow. Names the callers, and fails where there are any.
#
#     CARGO_PROFILE_RELEASE_STRIP=none cargo build --release --locked
#     experiments/cpu-throughput/out_of_line.sh [target/release/cupl-tui]
set -euo pipefail
binary=${1:-target/release/cupl-tui}
if [ "$(nm --demangle "$binary" 2>/dev/null | grep -c vectorize || true)" = 0 ]; then
    echo "$binary has no names of functions: build it with CARGO_PROFILE_RELEASE_STRIP=none" >&2
    exit 2
fi
# What may be called from there: packing, which is faster without, and what has instruction sets of its own.
apart='kernels::(panels|x86)::|kernels::product::Rows::put|drop_in_place'
# What other crates call and the kernels do not use: half precision, loads and stores, questions about the processor.
foreign='_xgetbv|_cvt[a-z0-9]*_(ph|pbh)|_cvtp(h|bh)_|_(loadu|storeu)_'
calls=$(objdump --disassemble --no-show-raw-insn --demangle "$binary" |
    awk -v apart="$apart" -v foreign="$foreign" '
    /^[0-9a-f]+ <.*>:$/ {
        caller = $0
        sub(/^[0-9a-f]+ </, "", caller)
        sub(/>:$/, "", caller)
        functions++
    }
    /[ \t](call|jmp|bl|b)[ \t].*</ {
        callee = $0
        sub(/^[^<]*</, "", callee)
        sub(/(\+0x[0-9a-f]+)?>$/, "", callee)
        intrinsic = (callee ~ /core_arch::/ && callee !~ foreign) || callee ~ /^fmaf?(@|$)/
        kernel = caller ~ /vectorize/ && callee ~ /kernels::/ && callee !~ apart
        # Where the length of an iterator is not seen, sums go through memory instead of registers.
        iterator = caller ~ /vectorize/ && callee ~ /core::(iter|slice)::/ && callee !~ /fail|panic/
        if (callee != caller && (intrinsic || kernel || iterator)) print caller " -> " callee
    }
    END { if (!functions) print "no functions" }' | sort | uniq -c | sort -rn)
if [ -n "$calls" ]; then
    echo "$calls"
    exit 1
fi
echo "no vector code of $binary is called instead of inlined"
