/** Tests of what the live commands print. */
@NullMarked
package dev.cocovisor.cli.live;

import org.jspecify.annotations.NullMarked;
