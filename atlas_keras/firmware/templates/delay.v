// Bits that wait for so many clock edges.
module delay #(parameter BITS = 10, EDGES = 1) (
  input clk,
  input [BITS-1:0] x,
  output [BITS-1:0] y
);
  reg [BITS*EDGES-1:0] line;
  always @(posedge clk) line <= {line, x};
  assign y = line[BITS*EDGES-1 -: BITS];
endmodule
