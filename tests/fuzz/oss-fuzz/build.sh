#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
# Builds the targets of tests/fuzz where OSS-Fuzz wants them. It sets SRC, WORK, OUT, CXX, CXXFLAGS and
# LIB_FUZZING_ENGINE.
cd "$SRC/flashvsrupscale"
# LibTorch is linked with GNU's standard library, and so is all that is linked with it.
export CXXFLAGS=${CXXFLAGS//-stdlib=libc++/}
libtorch=${LIBTORCH:-$WORK/libtorch/torch}
if [[ ! -d $libtorch ]]; then
    python3 -m venv "$WORK/venv"
    "$WORK/venv/bin/python" -m pip install -q --target "$WORK/libtorch" --no-deps --only-binary :all: \
        --require-hashes -r packaging/libtorch/cpu.txt
fi
rm -rf "$WORK/build"
meson setup "$WORK/build" "-Dlibtorch=$libtorch" -Dcuda=disabled -Dgst_cuda=disabled -Db_lundef=false \
    "-Dfuzz=$LIB_FUZZING_ENGINE"
ninja -C "$WORK/build" fuzz

mkdir -p "$OUT/lib"
for program in "$WORK"/build/tests/fuzz/fuzz_*; do
    [[ -f $program && -x $program ]] || continue
    name=$(basename "$program")
    target=${name#fuzz_}
    cp "$program" "$OUT/"
    zip -qj "$OUT/${name}_seed_corpus.zip" "tests/fuzz/corpus/$target"/*
    [[ ! -f tests/fuzz/$target.dict ]] || cp "tests/fuzz/$target.dict" "$OUT/$name.dict"
    # The machines that run the targets have the C library and nothing else.
    ldd "$program" | awk '$3 ~ /^\// && $1 !~ /^(libc|libm|libdl|libpthread|librt|ld-linux.*)\.so/ {print $3}' |
        xargs -r cp -Lut "$OUT/lib"
    patchelf --force-rpath --set-rpath "\$ORIGIN/lib" "$OUT/$name"
done
