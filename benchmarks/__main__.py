"""Everything: ``python -m benchmarks``. Arguments, if any, go to the quality run; `benchmarks.speed` has its own."""

from benchmarks import quality, speed

if __name__ == "__main__":
    speed.main([])
    quality.main()
