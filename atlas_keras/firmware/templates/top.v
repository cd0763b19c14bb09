// @title@: @bits@ bits in, a word of @word_bits@ out.
// Written by atlas_keras @version@; a change here is found by the test bench.
// New fields are taken at every clock edge; their word is there @latency@ edges later, that edge counted.
//
@comments@
module @top@ (
  input clk,
@ports@
  output [@word_msb@:0] word
);
  // Edge 1 takes the fields. The sign bit of signed fields is inverted, so that all of them are unsigned.
@registers@
  always @(posedge clk) begin
@takes@
  end

  // Edges 2 to @coded@ code the fields.
@instances@

@rest@
endmodule
