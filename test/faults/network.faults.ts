import { NETWORK } from './scenarios/network.js';
import { playAll } from './suite.js';

playAll('network', NETWORK);
