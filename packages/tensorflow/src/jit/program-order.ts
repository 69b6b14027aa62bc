// Ops that take real time and memory; between them an executor may reorder at will.
const heavy = /^(Conv|Depthwise|MatMul|BatchMatMul|Einsum|_?Fused|MaxPool|AvgPool|Resize|Softmax)/;
const free = new Set(["Const", "Placeholder", "ReadVariableOp", "Identity", "Reshape"]);

/**
 * Keeps a graph close to the order in which it was recorded. A dataflow executor starts whatever is ready, so it
 * begins every branch early and holds all their buffers; the recorded order frees buffers soonest. A node that does
 * not depend on the last few heavy nodes gets a control edge from one of them.
 */
export class ProgramOrder {
  /** For each node, how many heavy nodes must have run before or with it. */
  private readonly levels: number[] = [];
  private readonly heavyNodes: number[] = [];

  /** @param slack how many heavy nodes may be overtaken; Infinity leaves the order to the executor */
  constructor(private readonly slack: number) {}

  /** The nodes that must run before a new node of kind `op` which consumes `inputs`. */
  controlInputs(op: string, inputs: readonly number[]): number[] {
    if (!Number.isFinite(this.slack) || free.has(op)) return [];
    const least = this.heavyNodes.length - this.slack;
    return least > 0 && this.levelOf(inputs) < least ? [this.heavyNodes[least - 1]!] : [];
  }

  /** Notes the node that was just added. */
  added(node: number, op: string, dependencies: readonly number[]): void {
    if (heavy.test(op)) this.heavyNodes.push(node);
    this.levels[node] = heavy.test(op) ? this.heavyNodes.length : this.levelOf(dependencies);
  }

  private levelOf(nodes: readonly number[]): number {
    let level = 0;
    for (const node of nodes) level = Math.max(level, this.levels[node]!);
    return level;
  }
}
