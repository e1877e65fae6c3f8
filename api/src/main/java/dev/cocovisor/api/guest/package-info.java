/**
 * What a guest can do and how a run of a vCPU ends. A guest is a sequence of actions, never machine
 * code. Technologies add actions and exits of their own by name and fields.
 */
@NullMarked
package dev.cocovisor.api.guest;

import org.jspecify.annotations.NullMarked;
