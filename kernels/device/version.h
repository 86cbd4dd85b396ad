// The version, said here alone: make install, `understudy info` and the files that are written
// (`understudy` in the metadata of checkpoints and policies) take it from this line.

#pragma once

#define UNDERSTUDY_VERSION "0.1.0"
