export function drain(queue: Task[], limit: number, run: (task: Task) => boolean): Report {
  const done: string[] = [];
  const failed: string[] = [];
  let count = 0;
  while (queue.length > 0 && count < limit) {
    const task = queue.shift()!;
    console.log("running", task.id);
    count += 1;
    if (run(task)) {
      done.push(task.id);
    } else {
      failed.push(task.id);
    }
    console.log("finished", task.id);
  }
  console.log("left", queue.length);
  return { done, failed, left: queue.length };
}
