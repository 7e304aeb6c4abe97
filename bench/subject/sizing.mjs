// What NodeJS takes for the number of CPUs. libuv's pool has four threads, whatever that number is.
import { availableParallelism, cpus } from "node:os";

console.log(JSON.stringify({ "os.availableParallelism": availableParallelism(), "os.cpus": cpus().length }));
