// Self-checking: a jet at every clock edge, and LATENCY edges later its word, compared with that of the golden model.
// Simulate it in the folder of the export, where vectors/ is:
//   $ iverilog -g2005 -o sim rtl/*.v bench/@top@_tb.v && vvp -n sim
//   $ verilator --binary -Wno-fatal --top-module @top@_tb --Mdir sim rtl/*.v bench/@top@_tb.v && sim/V@top@_tb
`timescale 1ns / 1ps
module @top@_tb;
  parameter LINES = @n@;
  parameter STRIDE = 1;  // of vectors that are simulated: larger where a program is too slow for all of them
  localparam N = (LINES + STRIDE - 1) / STRIDE;
  parameter LATENCY = @latency@;
  reg [@line_msb@:0] vectors [0:LINES-1];  // a line: each field, and the word, in whole hexadecimal digits
  reg [@line_msb@:0] jet, wanted;
  wire [@word_msb@:0] word;
  reg clk;
  integer t, wrong;
  @top@ dut (
    .clk(clk),
@connections@
    .word(word)
  );
  initial begin
    $readmemh("vectors/vectors.hex", vectors);
    wrong = 0;
    clk = 0;
    for (t = 0; t < N + LATENCY - 1; t = t + 1) begin
      jet = vectors[(t < N ? t : N - 1) * STRIDE];
      #1 clk = 1;
      #1 if (t >= LATENCY - 1) begin
        wanted = vectors[(t - LATENCY + 1) * STRIDE];
        if (word !== wanted[@word_msb@:0] || ^wanted === 1'bx) begin
          if (wrong == 0) $display("vector %0d: the word is %h, not %h", (t - LATENCY + 1) * STRIDE, word, wanted[@word_msb@:0]);
          wrong = wrong + 1;
        end
      end
      clk = 0;
      #1;
    end
    if (wrong == 0) $display("PASS: %0d words, latency %0d, a jet at every edge", N, LATENCY);
    else $display("FAIL: %0d of %0d words differ", wrong, N);
    $finish;
  end
endmodule
