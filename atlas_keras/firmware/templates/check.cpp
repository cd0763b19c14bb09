// Packs all jets of vectors/vectors.hex and compares the words. In the folder of the export:
//   g++ -std=c++17 -O2 -Wall -o check @sources@ && ./check
#include <cstdio>
#include "@header@"

int main(int count, char** arguments) {
  const char* path = count > 1 ? arguments[1] : "vectors/vectors.hex";
  std::FILE* file = std::fopen(path, "r");
  if (!file) return std::printf("FAIL: no %s\n", path), 1;
  long n = 0, wrong = 0;
  unsigned @declared@;
  for (unsigned long long word; std::fscanf(file, "@pattern@", @scanned@, &word) == @n_numbers@; ++n) {
    const std::uint64_t found = @function@(@passed@);
    if (found != word && wrong++ == 0) std::printf("vector %ld: the word is %llx, not %llx\n", n, (unsigned long long)found, word);
  }
  std::fclose(file);
  if (wrong || n != @n@) return std::printf("FAIL: %ld of %ld words differ\n", wrong, n), 1;
  std::printf("PASS: %ld words\n", n);
}
